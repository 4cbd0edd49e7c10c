package bootc

// builtin are the features of this package.
func builtin() []Feature {
	return []Feature{
		BoundImage{}, CABundle{}, Dir{}, DropIn{}, File{}, FileFromSecret{}, InstallConfig{}, Kargs{}, Packages{}, Platform{},
		PullSecret{}, Quadlet{}, RegistryMirror{}, RegistryTrust{}, Release{}, Repo{}, Script{}, Stage{}, Symlink{}, Tree{}, Unit{},
		User{},
	}
}
