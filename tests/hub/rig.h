/* A hub with loops that a test runs itself, a clock that it sets, and subscribers who write down
 * what they are told. */
#ifndef OURO_TESTS_HUB_RIG_H
#define OURO_TESTS_HUB_RIG_H

#include "hub/backend.h"
#include "hub/hub.h"

enum { RIG_LOOPS = 3, RIG_TOLD_BYTES_MAX = 65536 };

struct rig_loop {
	struct ouro_hub_loop *loop;
	bool is_rung;
	unsigned rung_count;
};

struct rig {
	struct ouro_hub *hub;
	struct rig_loop loops[RIG_LOOPS];
	uint64_t now_ms;
};

/* A message is written down as its data and a blank, a gap as "gap ". */
struct rig_subscriber {
	struct ouro_subscription sub; /* first */
	char told[RIG_TOLD_BYTES_MAX];
	size_t told_len;
	unsigned gap_count;
	struct ouro_hub_id last, gap; /* the ids told last */
	struct ouro_buf *kept;        /* of the first message, when @keeps */
	bool keeps;
	void (*then)(struct rig_subscriber *subscriber); /* called after each */
};

/* The clock starts at 1,000,000 ms, and the origin is 1 where none is given. Options: defaults where @options is NULL. */
void rig_init(struct rig *rig, const struct ouro_hub_options *options);
void rig_fini(struct rig *rig);

/* Runs every loop that is rung, until none is; at most so many runs. Returns how many. */
unsigned rig_run(struct rig *rig);

/* Runs one loop, once. */
void rig_run_loop(struct rig *rig, size_t index);

int rig_publish(struct rig *rig, const char *topic, const char *data);

/* @after: NULL is absent. */
int rig_subscribe_after(struct rig *rig, size_t loop, const char *topic,
			struct rig_subscriber *subscriber, const char *after);
int rig_subscribe(struct rig *rig, size_t loop, const char *topic,
		  struct rig_subscriber *subscriber);

extern const struct ouro_subscriber_ops rig_subscriber_ops;

#endif
