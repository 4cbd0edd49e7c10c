package bootc

import "io/fs"

// Entry is one file, directory or symbolic link of the image, as a Plan lists it.
type Entry struct {
	// Path is absolute and clean.
	Path string
	// Mode holds the type (regular, fs.ModeDir or fs.ModeSymlink), the permissions and the setuid, setgid and
	// sticky bits. Those of a symbolic link are always 0777.
	Mode fs.FileMode
	// UID and GID are numeric: names mean nothing before the image runs.
	UID, GID int
	// Link is the target of a symbolic link.
	Link string
	// Content of a regular file.
	Content Content
	// Features are those that asked for the entry, as Plan.Origins names them.
	Features []string
}
