// Package diskimage makes disk images (qcow2, raw, ISO, …) from published OS images with osbuild's image builder, as a
// typed step that can be cancelled and checked, and publishes them.
package diskimage
