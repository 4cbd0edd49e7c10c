package boottest

// HasKVM says whether machines run with KVM here.
func HasKVM() bool { return hasKVM() }
