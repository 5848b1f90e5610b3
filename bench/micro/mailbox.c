#include "mailbox.h"

#include "engine/mailbox.h"

static struct ouro_mailbox mailbox;
static struct ouro_mail mails[MICRO_MAILS_MAX];
static int arrived;

static void on_arrival(struct ouro_mail *mail)
{
	(void)mail;
	arrived++;
}

void micro_mailbox_init(void)
{
	ouro_mailbox_init(&mailbox);
	for (unsigned i = 0; i < MICRO_MAILS_MAX; i++)
		mails[i].on_arrival = on_arrival;
}

int micro_mailbox_post_and_run(unsigned count)
{
	arrived = 0;
	for (unsigned i = 0; i < count; i++)
		ouro_mailbox_post(&mailbox, &mails[i]);
	ouro_mailbox_run(&mailbox);
	return arrived;
}
