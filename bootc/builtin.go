package bootc

// builtin are the features of this package.
func builtin() []Feature {
	return []Feature{
		BoundImage{}, CABundle{}, Connection{}, Dir{}, Driver{}, DropIn{}, Entitlement{}, File{}, FileFromSecret{},
		FirewallService{}, FirewallZone{}, Firmware{}, Initramfs{}, InstallConfig{}, Journal{}, Kargs{}, Kernel{},
		KernelHeaders{}, KernelModule{}, Locale{}, ModuleSigning{}, NTP{}, Packages{}, Platform{}, PullSecret{}, Quadlet{},
		RegistryMirror{}, RegistryTrust{}, Release{}, Repo{}, SSHD{}, Script{}, Stage{}, Sudo{}, Symlink{}, Tree{}, Unit{},
		User{},
	}
}
