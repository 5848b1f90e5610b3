/* Random subscribers, publishers and loops against a model that keeps, for each topic, the list
 * of all that was ever published: what a subscriber was told must be a piece of that list, from
 * where it began, without a hole but where it was told of one. */
#include "rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOPICS = 3, SUBSCRIBERS = 12, STEPS = 3000, PUBLISHED_MAX = 3000, SEEDS = 60 };

static struct rig rig;

static struct {
	struct ouro_hub_id ids[PUBLISHED_MAX];
	int count;
} topics[TOPICS];

static struct listener {
	struct ouro_subscription sub; /* first */
	int topic;
	int next;       /* of the topic's list, what it is to be told next */
	bool may_miss;  /* it was told of a gap, up to ... */
	int gap_end;    /* ... this one at most, which is where the next may be */
	int told_count; /* since it came */
	int leaves_after;
} listeners[SUBSCRIBERS];

static const char *name_of(int topic)
{
	static const char *const names[TOPICS] = { "a", "b", "c" };

	return names[topic];
}

/* The place in the list of the first message after @id. */
static int place_after(int topic, struct ouro_hub_id id)
{
	int place = topics[topic].count;

	while (place > 0 && ouro_hub_id_is_before(id, topics[topic].ids[place - 1]))
		place--;
	return place;
}

static void on_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
		       struct ouro_slice bytes)
{
	struct listener *listener = (struct listener *)(void *)sub;
	char text[16] = { 0 };
	int place;

	cr_assert_lt(bytes.len, sizeof(text));
	memcpy(text, bytes.ptr, bytes.len);
	place = atoi(text);
	if (listener->may_miss)
		cr_assert(place >= listener->next && place <= listener->gap_end);
	else
		cr_assert_eq(place, listener->next);
	topics[listener->topic].ids[place] = ouro_hub_message_stamp(message);
	listener->may_miss = false;
	listener->next = place + 1;
	if (++listener->told_count == listener->leaves_after)
		ouro_hub_unsubscribe(sub);
}

static void on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	struct listener *listener = (struct listener *)(void *)sub;

	listener->may_miss = true;
	listener->gap_end = place_after(listener->topic, up_to);
	cr_assert_geq(listener->gap_end, listener->next, "nothing that was told is lost");
}

static const struct ouro_subscriber_ops ops = { .on_message = on_message, .on_gap = on_gap };

/* The id that a message will have is the test's to know too: the clock moves with each. */
static void publish(int topic)
{
	char data[16];
	int place = topics[topic].count;

	sprintf(data, "%d", place);
	rig.now_ms += (uint64_t)(rand() % 3);
	topics[topic].ids[place] = ouro_hub_id_next(place > 0 ? topics[topic].ids[place - 1]
							      : (struct ouro_hub_id){ 1000000, 1 },
						    rig.now_ms);
	topics[topic].count++;
	cr_assert_geq(rig_publish(&rig, name_of(topic), data), 0);
}

static void come(struct listener *listener, bool fresh)
{
	char after[OURO_HUB_ID_TEXT_MAX];
	size_t after_len = 0;
	int topic = listener->topic;

	if (fresh)
		listener->topic = topic = rand() % TOPICS;
	else if (listener->next > 0)
		after_len = ouro_hub_id_write(topics[topic].ids[listener->next - 1], after);
	if (after_len == 0)
		listener->next = topics[topic].count;
	/* What was published while there was no topic has an id of the model's alone. */
	if (ouro_hub_subscriber_count(rig.hub, ouro_str_c(name_of(topic))) == 0)
		rig.now_ms++;
	listener->may_miss = false;
	listener->told_count = 0;
	listener->leaves_after = rand() % 3 == 0 ? 1 + rand() % 20 : -1;
	cr_assert_eq(ouro_hub_subscribe(rig.loops[rand() % RIG_LOOPS].loop,
					ouro_str_c(name_of(topic)), &listener->sub,
					&(struct ouro_subscription_options){
						.ops = &ops, .after = ouro_str(after, after_len) }),
		     0);
}

static void step(void)
{
	struct listener *listener = &listeners[rand() % SUBSCRIBERS];
	int loop = rand() % RIG_LOOPS;

	switch (rand() % 8) {
	case 0:
		if (listener->sub.part)
			ouro_hub_unsubscribe(&listener->sub);
		else
			come(listener, rand() % 4 == 0);
		break;
	case 1:
	case 2:
		if (rig.loops[loop].is_rung)
			rig_run_loop(&rig, (size_t)loop);
		break;
	case 3:
		if (rand() % 50 == 0) {
			rig.now_ms += 1000;
			ouro_hub_sweep(rig.hub);
		}
		break;
	default:
		publish(rand() % TOPICS);
		break;
	}
}

static void play(unsigned seed)
{
	memset(topics, 0, sizeof(topics));
	memset(listeners, 0, sizeof(listeners));
	srand(seed);
	rig_init(&rig, &(struct ouro_hub_options){ .replay_count_max = 1 + seed % 40,
						   .backlog_count_max = 4 + seed % 60,
						   .retention_ms = 1000 });
	for (int i = 0; i < TOPICS; i++) {
		listeners[i].topic = i;
		come(&listeners[i], false);
		listeners[i].leaves_after = -1;
	}
	for (int i = 0; i < STEPS; i++)
		step();
	rig_run(&rig);
	for (int i = 0; i < SUBSCRIBERS; i++) {
		struct listener *listener = &listeners[i];

		if (listener->sub.part)
			cr_assert(listener->next == topics[listener->topic].count ||
					  (listener->may_miss &&
					   listener->gap_end == topics[listener->topic].count),
				  "seed %u: all of it has come", seed);
		ouro_hub_unsubscribe(&listener->sub);
	}
	rig_fini(&rig);
}

Test(hub_random, nothing_is_told_twice_or_missed_untold)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		play(seed);
}
