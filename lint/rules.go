package lint

import (
	"slices"
	"strings"
)

// Rules returns the rules of this package, by ID. The slice is the caller's.
func Rules() []Rule {
	all := slices.Concat(
		metaRules,
		kernelRules,
		initramfsRules,
		kargsRules,
		installRules,
		layoutRules,
		composefsRules,
		importRules,
		diskRules,
		modeRules,
		stateRules,
		leftoverRules,
		placementRules,
		optRules,
		nestedRules,
		dropInRules,
		siteRules,
		ociConfigRules,
		taskRules,
		conditionRules,
		updaterRules,
		runtimeRules,
		serviceRules,
		presetRules,
		workloadRules,
		boundImageRules,
		agentRules,
		agentScriptRules,
		provisionRules,
		upgradeRules,
		deltaRules,
		hygieneRules,
		packageRules,
		scriptRules,
		sourceRules,
		lostRules,
		configRules,
		metadataRules,
		trustRules,
		updatePolicyRules,
		secretRules,
		argRules,
		identityRules,
		enrolRules,
		accountRules,
		userAddRules,
		ownerRules,
		privilegeRules,
		sudoRules,
	)
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return all
}
