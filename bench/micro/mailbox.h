/* What C++ cannot read: the engine's mailbox has atomics of C. */
#ifndef OURO_BENCH_MICRO_MAILBOX_H
#define OURO_BENCH_MICRO_MAILBOX_H

#ifdef __cplusplus
extern "C" {
#endif

enum { MICRO_MAILS_MAX = 1024 };

void micro_mailbox_init(void);

/* Posts @count pieces of mail, and takes all that are there. How many arrived. */
int micro_mailbox_post_and_run(unsigned count);

#ifdef __cplusplus
}
#endif

#endif
