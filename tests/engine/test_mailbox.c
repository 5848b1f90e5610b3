/* The mailbox: order, bells, and many threads at once. */
#include "engine/mailbox.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { PRODUCERS = 4, MAILS_EACH = 5000 };

struct letter {
	struct ouro_mail mail; /* first */
	int producer, number;
};

static struct ouro_mailbox mailbox;
static int last_number[PRODUCERS], received;
static atomic_int bells;

static void take(struct ouro_mail *mail)
{
	struct letter *letter = (struct letter *)(void *)mail;

	cr_assert_eq(letter->number, last_number[letter->producer] + 1);
	last_number[letter->producer] = letter->number;
	received++;
	free(letter);
}

static bool post(int producer, int number)
{
	struct letter *letter = malloc(sizeof(*letter));

	letter->mail.on_arrival = take;
	letter->producer = producer;
	letter->number = number;
	return ouro_mailbox_post(&mailbox, &letter->mail);
}

Test(mailbox, mail_comes_in_the_order_it_was_posted)
{
	ouro_mailbox_init(&mailbox);
	for (int i = 1; i <= 10; i++)
		post(0, i);
	cr_assert_eq(ouro_mailbox_run(&mailbox), 10);
	cr_assert_eq(received, 10);
	cr_assert_eq(ouro_mailbox_run(&mailbox), 0);
}

Test(mailbox, the_bell_rings_once_until_the_loop_looks)
{
	ouro_mailbox_init(&mailbox);
	cr_assert(post(0, 1));
	cr_assert_not(post(0, 2));
	ouro_mailbox_run(&mailbox);
	cr_assert(post(0, 3));
	ouro_mailbox_run(&mailbox);
}

static void post_once_more(struct ouro_mail *mail)
{
	mail->on_arrival = take;
	cr_assert(ouro_mailbox_post(&mailbox, mail));
}

Test(mailbox, mail_may_be_posted_again_by_its_own_call)
{
	struct letter *letter = malloc(sizeof(*letter));

	ouro_mailbox_init(&mailbox);
	*letter = (struct letter){ .mail = { .on_arrival = post_once_more }, .number = 1 };
	ouro_mailbox_post(&mailbox, &letter->mail);
	cr_assert_eq(ouro_mailbox_run(&mailbox), 1);
	cr_assert_eq(received, 0, "not before the next turn");
	cr_assert_eq(ouro_mailbox_run(&mailbox), 1);
	cr_assert_eq(received, 1);
}

static void *produce(void *arg)
{
	int producer = *(int *)arg;

	for (int i = 1; i <= MAILS_EACH; i++)
		if (post(producer, i))
			atomic_fetch_add(&bells, 1);
	return NULL;
}

/* The loop looks only when the bell has rung: nothing may be left lying without one. */
Test(mailbox, of_many_threads_nothing_is_lost_and_each_ones_order_kept)
{
	pthread_t threads[PRODUCERS];
	int numbers[PRODUCERS], bells_heard = 0;

	ouro_mailbox_init(&mailbox);
	for (int i = 0; i < PRODUCERS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&threads[i], NULL, produce, &numbers[i]), 0);
	}
	while (received < PRODUCERS * MAILS_EACH) {
		if (atomic_load(&bells) == bells_heard) {
			sched_yield();
			continue;
		}
		bells_heard++;
		ouro_mailbox_run(&mailbox);
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(received, PRODUCERS * MAILS_EACH);
}
