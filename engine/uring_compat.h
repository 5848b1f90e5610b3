/* Names of kernel interfaces that are newer than the oldest liburing we build with (2.3). The
 * numbers are the kernel's ABI; whether the running kernel has them is asked at run time. */
#ifndef OURO_ENGINE_URING_COMPAT_H
#define OURO_ENGINE_URING_COMPAT_H

#include <liburing.h>

/* Enumerators cannot be tested for by the preprocessor, so these have names of our own. */
enum {
	OURO_IORING_OP_SENDMSG_ZC = 48, /* Linux 6.1 */
};

#ifndef IORING_SEND_ZC_REPORT_USAGE /* Linux 6.2 */
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#endif

#ifndef IORING_NOTIF_USAGE_ZC_COPIED /* Linux 6.2 */
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

#endif
