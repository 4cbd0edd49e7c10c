package bootc

import "strings"

// quadletKeys are the keys of one section that podman's generator takes. It refuses a file with any other key as a whole,
// and then there is no service: the log of the boot says so, and nothing else does.
type quadletKeys struct {
	podman54 string // those that podman 5.4 knows, that of RHEL 9.6 and 10.0
	newer    string // those that came until 6.0
}

// quadletSections are the sections by the type of the file. Source: podman-systemd.unit(5), and the tables of
// https://github.com/containers/podman/blob/main/pkg/systemd/quadlet/quadlet.go.
var quadletSections = map[string]struct {
	name string
	keys quadletKeys
}{
	"container": {"Container", quadletKeys{
		"AddCapability AddDevice AddHost Annotation AutoUpdate CgroupsMode ContainerName ContainersConfModule DNS DNSOption " +
			"DNSSearch DropCapability Entrypoint Environment EnvironmentFile EnvironmentHost Exec ExposeHostPort GIDMap GlobalArgs " +
			"Group GroupAdd HealthCmd HealthInterval HealthLogDestination HealthMaxLogCount HealthMaxLogSize HealthOnFailure " +
			"HealthRetries HealthStartPeriod HealthStartupCmd HealthStartupInterval HealthStartupRetries HealthStartupSuccess " +
			"HealthStartupTimeout HealthTimeout HostName IP IP6 Image Label LogDriver LogOpt Mask Mount Network NetworkAlias " +
			"NoNewPrivileges Notify PidsLimit Pod PodmanArgs PublishPort Pull ReadOnly ReadOnlyTmpfs RemapGid RemapUid RemapUidSize " +
			"RemapUsers Rootfs RunInit SeccompProfile Secret SecurityLabelDisable SecurityLabelFileType SecurityLabelLevel " +
			"SecurityLabelNested SecurityLabelType ServiceName ShmSize StartWithPod StopSignal StopTimeout SubGIDMap SubUIDMap Sysctl " +
			"Timezone Tmpfs UIDMap Ulimit Unmask User UserNS VolatileTmp Volume WorkingDir",
		"AppArmor HttpProxy Memory ReloadCmd ReloadSignal Retry RetryDelay"}},
	"volume": {"Volume", quadletKeys{
		"ContainersConfModule Copy Device Driver GlobalArgs Group Image Label Options PodmanArgs ServiceName Type User VolumeName",
		"GID UID"}},
	"network": {"Network", quadletKeys{
		"ContainersConfModule DNS DisableDNS Driver Gateway GlobalArgs IPAMDriver IPRange IPv6 Internal Label NetworkName Options " +
			"PodmanArgs ServiceName Subnet",
		"InterfaceName NetworkDeleteOnStop"}},
	"pod": {"Pod", quadletKeys{
		"AddHost ContainersConfModule DNS DNSOption DNSSearch GIDMap GlobalArgs IP IP6 Network NetworkAlias PodName PodmanArgs " +
			"PublishPort RemapGid RemapUid RemapUidSize RemapUsers ServiceName ShmSize SubGIDMap SubUIDMap UIDMap UserNS Volume",
		"ExitPolicy HostName Label StopTimeout"}},
	"image": {"Image", quadletKeys{
		"AllTags Arch AuthFile CertDir ContainersConfModule Creds DecryptionKey GlobalArgs Image ImageTag OS PodmanArgs ServiceName " +
			"TLSVerify Variant",
		"Policy Retry RetryDelay"}},
	"kube": {"Kube", quadletKeys{
		"AutoUpdate ConfigMap ContainersConfModule ExitCodePropagation GlobalArgs KubeDownForce LogDriver LogOpt Network PodmanArgs " +
			"PublishPort RemapGid RemapUid RemapUidSize RemapUsers ServiceName SetWorkingDirectory UserNS Yaml",
		""}},
	"build": {"Build", quadletKeys{
		"Annotation Arch AuthFile ContainersConfModule DNS DNSOption DNSSearch Environment File ForceRM GlobalArgs GroupAdd ImageTag " +
			"Label Network PodmanArgs Pull Secret ServiceName SetWorkingDirectory TLSVerify Target Variant Volume",
		"BuildArg IgnoreFile Retry RetryDelay"}},
}

// quadletCommon is the section that every type may have.
var quadletCommon = quadletKeys{podman54: "DefaultDependencies"}

// has says whether the key is known, and whether only since lately.
func (k quadletKeys) has(key string) (known, newer bool) {
	if containsWord(k.podman54, key) {
		return true, false
	}
	newer = containsWord(k.newer, key)
	return newer, newer
}

// like finds the key that was meant, if only its case is wrong.
func (k quadletKeys) like(key string) string {
	for _, known := range strings.Fields(k.podman54 + " " + k.newer) {
		if strings.EqualFold(known, key) {
			return known
		}
	}
	return ""
}

func containsWord(list, word string) bool {
	return word != "" && strings.Contains(" "+list+" ", " "+word+" ") && !strings.Contains(word, " ")
}
