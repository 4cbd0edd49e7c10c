package flightctl

import "github.com/bootloom/bootloom/bootc"

// Kinds are the features of this package by their kind in JSON, for a Codec:
//
//	codec := bootc.Codec{Kinds: flightctl.Kinds()}
func Kinds() map[string]bootc.Feature {
	return map[string]bootc.Feature{
		"flightctl.Agent":        Agent{},
		"flightctl.CertDropIn":   CertDropIn{},
		"flightctl.ComposeApps":  ComposeApps{},
		"flightctl.ConfigDropIn": ConfigDropIn{},
		"flightctl.CustomInfo":   CustomInfo{},
		"flightctl.EmbeddedApp":  EmbeddedApp{},
		"flightctl.HelmApps":     HelmApps{},
		"flightctl.Hook":         Hook{},
		"flightctl.Onboarding":   Onboarding{},
		"flightctl.Telemetry":    Telemetry{},
	}
}
