// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Stands for the driver of a device's own hardware.
#include <linux/module.h>

static int rate = 50;
module_param(rate, int, 0444);
MODULE_PARM_DESC(rate, "Samples per second");

static int __init acme_line_init(void)
{
	pr_info("acme_line: %d samples per second\n", rate);
	return 0;
}

static void __exit acme_line_exit(void)
{
}

module_init(acme_line_init);
module_exit(acme_line_exit);
MODULE_DESCRIPTION("Acme line sensor");
MODULE_LICENSE("Dual BSD/GPL");
