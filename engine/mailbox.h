/* The way into a loop from other threads: a list that anyone may push to without a lock and the
 * loop alone takes from. */
#ifndef OURO_ENGINE_MAILBOX_H
#define OURO_ENGINE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct ouro_mail;

/* Called by the loop's thread; the mail is its sender's again before the call. */
typedef void (*ouro_mail_fn)(struct ouro_mail *mail);

/* Embedded in what is sent. From posting until the call it is the mailbox's. */
struct ouro_mail {
	ouro_mail_fn on_arrival;
	struct ouro_mail *next;
};

struct ouro_mailbox {
	_Atomic(struct ouro_mail *) newest;
	atomic_bool rung; /* the loop was woken and has not looked yet */
};

void ouro_mailbox_init(struct ouro_mailbox *mailbox);

/* Adds @mail. True where the loop must be woken to see it. Any thread. */
bool ouro_mailbox_post(struct ouro_mailbox *mailbox, struct ouro_mail *mail);

/* Calls all mail in the order in which it was posted; returns how many. The loop's thread. */
int ouro_mailbox_run(struct ouro_mailbox *mailbox);

#endif
