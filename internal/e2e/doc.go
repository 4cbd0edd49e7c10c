// Package e2e builds images with the real engine on real bases, and takes apart what came out. Its tests need root, the
// network of the machine's Debian mirror and the tools of internal/testkit; nothing else imports it.
package e2e
