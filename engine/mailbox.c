/* The way into a loop from other threads: see engine/mailbox.h. */
#include "engine/mailbox.h"

#include <stddef.h>

void ouro_mailbox_init(struct ouro_mailbox *mailbox)
{
	atomic_init(&mailbox->newest, NULL);
	atomic_init(&mailbox->rung, false);
}

bool ouro_mailbox_post(struct ouro_mailbox *mailbox, struct ouro_mail *mail)
{
	struct ouro_mail *newest = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);

	do
		mail->next = newest;
	while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &newest, mail,
						      memory_order_seq_cst, memory_order_relaxed));
	return !atomic_exchange(&mailbox->rung, true);
}

static struct ouro_mail *oldest_first(struct ouro_mail *newest)
{
	struct ouro_mail *list = NULL;

	while (newest) {
		struct ouro_mail *older = newest->next;

		newest->next = list;
		list = newest;
		newest = older;
	}
	return list;
}

int ouro_mailbox_run(struct ouro_mailbox *mailbox)
{
	struct ouro_mail *mail;
	int count = 0;

	if (!atomic_load_explicit(&mailbox->rung, memory_order_relaxed))
		return 0;
	/* The bell is reset before the box is emptied: mail that comes in between rings again. */
	atomic_store(&mailbox->rung, false);
	mail = oldest_first(atomic_exchange(&mailbox->newest, NULL));
	while (mail) {
		struct ouro_mail *next = mail->next;

		mail->on_arrival(mail);
		mail = next;
		count++;
	}
	return count;
}
