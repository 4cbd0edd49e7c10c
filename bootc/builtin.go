package bootc

// builtin are the features of this package.
func builtin() []Feature {
	return []Feature{
		BoundImage{}, CABundle{}, Connection{}, Dir{}, DropIn{}, Entitlement{}, File{}, FileFromSecret{}, FirewallService{}, FirewallZone{},
		InstallConfig{}, Journal{}, Kargs{}, Locale{}, NTP{}, Packages{}, Platform{}, PullSecret{}, Quadlet{}, RegistryMirror{},
		RegistryTrust{}, Release{}, Repo{}, SSHD{}, Script{}, Stage{}, Sudo{}, Symlink{}, Tree{}, Unit{}, User{},
	}
}
