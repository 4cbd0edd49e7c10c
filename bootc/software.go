package bootc

// software is a package with what it brings: a file by which a base is known to have it, and a unit to enable ("" for
// none). Bases that nobody can read are taken to have what is stock, as the bootc bases of Fedora and its kin do, and to
// lack the rest.
type software struct {
	name, file, unit string
	stock            bool
}

// install asks for the packages that the base lacks, and enables their units.
func (d *Draft) install(all ...software) error {
	var missing []string
	var errs []error
	for _, s := range all {
		if has, err := d.base.has(s.file); err == nil && !has || err != nil && !s.stock {
			missing = append(missing, s.name)
		}
		if s.unit != "" {
			errs = append(errs, d.Use("", Unit{Name: s.unit, Enable: true}))
		}
	}
	if len(missing) > 0 {
		errs = append(errs, d.Use("", Packages{Install: missing}))
	}
	return join(errs)
}
