// Package flightctl has the formats of the device agent of Flight Control (Red Hat Edge Manager) as values, and puts
// them into images as features of package bootc.
//
// Formats follow the agent's source at https://github.com/flightctl/flightctl, versions 1.0 to 1.4, and are tested
// against real agents. The agent reads its files leniently: it ignores keys that it does not know, and finds out about a
// broken certificate when the device is in the field. This package is strict instead, and finds every mistake at once.
//
// What lies in the image under /usr belongs to the image; what the agent reads only from /etc goes there.
package flightctl
