/* Two processes' worth of hubs on one Redis server of the test's own, driven by poll(2). */
#ifndef OURO_TESTS_HUB_REDIS_RIG_H
#define OURO_TESTS_HUB_REDIS_RIG_H

#include "redis_server.h"
#include "rig.h"

#include "hub/redis.h"

#include <criterion/criterion.h>
#include <poll.h>

enum { MACHINES = 2, WAIT_MS_MAX = 20000 };

/* A hub with one loop and its connections. */
struct machine {
	struct ouro_redis *redis;
	struct ouro_hub *hub;
	struct ouro_hub_loop *loop;
	bool is_rung, is_redis_rung;
	struct pollfd watched[OURO_REDIS_CONNECTIONS];
	const char *name; /* that is to be found */
};

extern struct redis_server server;
extern struct machine machines[MACHINES];
extern struct rig_subscriber ann, bob, cid;

/* Monotonic. */
uint64_t now_ms(void);

/* All lines that it has logged. */
const char *log_text(const struct machine *machine);

/* A machine of options: the port and a quick back-off are filled in. */
void machine_init(struct machine *machine, struct ouro_redis_options options,
		  struct ouro_hub_options hub_options);
void machine_fini(struct machine *machine);

/* Both machines, and the server where it does not run. Skips the test where there is no server. */
void init(struct ouro_redis_options options, struct ouro_hub_options hub_options);
void init_default(void);

/* Ends all of it. */
void fini(void);

/* Does what there is to do, where a poll has set what was found. */
void run_machine(struct machine *machine);

/* One turn of every machine, which sleeps 10 ms at most. */
void turn(void);
void turn_for(uint64_t ms);
bool is_up(const struct machine *machine);
bool are_up(void);
bool is_down(void);
bool is_sent(void);

/* To the topic "room", as are all below. */
int publish(size_t machine, const char *data);
void publish_numbers(size_t machine, int first, int last);
void subscribe_after(size_t machine, struct rig_subscriber *subscriber, const char *after);
void forget(struct rig_subscriber *subscriber);

/* Subscribes, and sees that both processes are heard. */
void subscribe(size_t machine, struct rig_subscriber *subscriber);
void subscribe_both(void);

/* Static. */
const char *text_of(struct ouro_hub_id id);

/* What subscribers are told of them; static. */
const char *numbers(int first, int last);

/* Waits until Ann and Bob were told it, and sees that nothing comes behind it. */
void expect_both(const char *expected);

/* Kills the server and waits until that was noticed; it is to be started again. */
void restart(void);

#define EVENTUALLY(fact)                                                                           \
	do {                                                                                       \
		uint64_t until_ms = now_ms() + WAIT_MS_MAX;                                        \
		while (!(fact) && now_ms() < until_ms)                                             \
			turn();                                                                    \
		cr_assert(fact, "%s\n%s", log_text(&machines[0]), log_text(&machines[1]));         \
	} while (0)

#endif
