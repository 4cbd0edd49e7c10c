package bootc

// builtin are the features of this package.
func builtin() []Feature {
	return []Feature{
		CABundle{}, Dir{}, DropIn{}, File{}, FileFromSecret{}, InstallConfig{}, Kargs{}, Packages{}, Platform{}, Release{}, Repo{},
		Script{}, Stage{}, Symlink{}, Tree{}, Unit{}, User{},
	}
}
