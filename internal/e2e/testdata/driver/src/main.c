// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

#ifndef ACME_GREETING
#define ACME_GREETING "hello"
#endif

static int level = 1;
module_param(level, int, 0444);
MODULE_PARM_DESC(level, "How much is said");

static int __init acme_edge_init(void)
{
	pr_info("acme_edge: %s at level %d\n", ACME_GREETING, level);
	return 0;
}

static void __exit acme_edge_exit(void)
{
}

module_init(acme_edge_init);
module_exit(acme_edge_exit);
MODULE_DESCRIPTION("A driver of the tests");
MODULE_LICENSE("GPL");
