package bootc

import "strings"

// sshdKeyword is what sshd_config(5) says of a keyword.
type sshdKeyword struct {
	global bool   // it may not stand in a Match block
	values string // those that it takes; empty if it takes others
	danger string // a regular expression for values that give the machine away, matched without regard to case
	why    string
}

const yesNo = "yes no"

// sshdKeywords are those of OpenSSH 8.7 (RHEL 9) to 10, with the additions of Fedora and Debian, by their name in lower
// case. Keywords that sshd only reports as deprecated are not among them.
var sshdKeywords = func() map[string]sshdKeyword {
	all := map[string]sshdKeyword{}
	add := func(k sshdKeyword, names string) {
		for name := range strings.FieldsSeq(names) {
			all[strings.ToLower(name)] = k
		}
	}
	add(sshdKeyword{}, `AcceptEnv AllowAgentForwarding AllowGroups AllowStreamLocalForwarding AllowTcpForwarding AllowUsers
		AuthenticationMethods AuthorizedKeysCommand AuthorizedKeysCommandUser AuthorizedKeysFile AuthorizedPrincipalsCommand
		AuthorizedPrincipalsCommandUser AuthorizedPrincipalsFile Banner CASignatureAlgorithms ChannelTimeout ChrootDirectory
		ClientAliveCountMax ClientAliveInterval DenyGroups DenyUsers ForceCommand GatewayPorts IgnoreRhosts Include IPQoS LogLevel
		LogVerbose Match MaxAuthTries MaxSessions PermitListen PermitOpen PermitTunnel PermitUserRC PubkeyAuthOptions RDomain
		RefuseConnection RekeyLimit RevokedKeys SetEnv StreamLocalBindMask TrustedUserCAKeys UnusedConnectionTimeout X11DisplayOffset
		KerberosUseKuserok GSSAPIEnablek5users`)
	add(sshdKeyword{values: yesNo}, `DisableForwarding ExposeAuthInfo GSSAPIAuthentication HostbasedUsesNameFromPacketOnly
		KbdInteractiveAuthentication KerberosAuthentication PasswordAuthentication PermitTTY PubkeyAuthentication
		StreamLocalBindUnlink X11Forwarding X11UseLocalhost`)
	add(sshdKeyword{global: true}, `AddressFamily Compression FingerprintHash GSSAPIKexAlgorithms HostCertificate HostKey HostKeyAgent
		ListenAddress LoginGraceTime MaxStartups ModuliFile PAMServiceName PerSourceMaxStartups PerSourceNetBlockSize
		PerSourcePenalties PerSourcePenaltyExemptList PidFile Port RequiredRSASize RSAMinSize SecurityKeyProvider SshdAuthPath
		SshdSessionPath Subsystem SyslogFacility VersionAddendum XAuthLocation`)
	add(sshdKeyword{global: true, values: yesNo}, `ChallengeResponseAuthentication DebianBanner GSSAPICleanupCredentials
		GSSAPIKeyExchange GSSAPIStoreCredentialsOnRekey GSSAPIStrictAcceptorCheck IgnoreUserKnownHosts KerberosGetAFSToken
		KerberosOrLocalPasswd KerberosTicketCleanup KerberosUniqueCCache PrintLastLog PrintMotd TCPKeepAlive UseDNS UsePAM`)

	add(sshdKeyword{values: "yes no prohibit-password without-password forced-commands-only", danger: "^yes$",
		why: "lets anyone try passwords of root"}, "PermitRootLogin")
	add(sshdKeyword{values: yesNo, danger: "^yes$", why: "lets accounts without a password in"}, "PermitEmptyPasswords")
	add(sshdKeyword{values: yesNo, danger: "^yes$", why: "trusts what other machines say of their users"}, "HostbasedAuthentication")
	add(sshdKeyword{global: true, values: yesNo, danger: "^no$", why: "takes keys from files that other users can write"}, "StrictModes")
	add(sshdKeyword{global: true, danger: "^(yes|.*[*].*|.*LD_.*)$", why: "lets users set variables such as LD_PRELOAD"}, "PermitUserEnvironment")
	weak := "lets algorithms be used that are broken"
	add(sshdKeyword{global: true, danger: `3des|arcfour|blowfish|cast128|rijndael|-cbc`, why: weak}, "Ciphers")
	add(sshdKeyword{global: true, danger: `md5|-96|umac-64|hmac-sha1(@|-etm|,|$)|ripemd`, why: weak}, "MACs")
	add(sshdKeyword{global: true, danger: `group1-sha1|group14-sha1|group-exchange-sha1`, why: weak}, "KexAlgorithms")
	add(sshdKeyword{danger: `ssh-dss|(^|[,+^])ssh-rsa(-cert[^,]*)?(,|$)`, why: weak}, `HostbasedAcceptedAlgorithms HostbasedAcceptedKeyTypes
		PubkeyAcceptedAlgorithms PubkeyAcceptedKeyTypes`)
	add(sshdKeyword{global: true, danger: `ssh-dss|(^|[,+^])ssh-rsa(-cert[^,]*)?(,|$)`, why: weak}, "HostKeyAlgorithms")
	return all
}()
