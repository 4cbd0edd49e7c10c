package flightctl

import "github.com/bootloom/bootloom/bootc"

// Kinds are the features of this package by their kind in JSON, for a Codec:
//
//	codec := bootc.Codec{Kinds: flightctl.Kinds()}
func Kinds() map[string]bootc.Feature {
	return map[string]bootc.Feature{
		"CertDropIn":   CertDropIn{},
		"ConfigDropIn": ConfigDropIn{},
		"CustomInfo":   CustomInfo{},
		"Hook":         Hook{},
	}
}
