/* Machines on a Redis server: see redis_rig.h. */
#include "redis_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct redis_server server;
struct machine machines[MACHINES];
struct rig_subscriber ann, bob, cid;

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void watch(void *arg, unsigned index, int fd, bool read, bool write)
{
	struct machine *machine = arg;

	machine->watched[index] = (struct pollfd){
		.fd = fd,
		.events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0)),
	};
}

static void ring_redis(void *arg)
{
	struct machine *machine = arg;

	cr_assert_not(machine->is_redis_rung);
	machine->is_redis_rung = true;
}

static void find(void *arg, const char *name)
{
	struct machine *machine = arg;

	cr_assert_null(machine->name);
	machine->name = name;
}

static void ring(void *arg)
{
	((struct machine *)arg)->is_rung = true;
}

static char log_lines[MACHINES][8192];

static void take_line(void *arg, enum ouro_log_level level, const char *line)
{
	char *lines = arg;

	(void)level;
	if (strlen(lines) + strlen(line) + 2 < sizeof(log_lines[0]))
		strcat(strcat(lines, line), "\n");
}

static struct ouro_log logs[MACHINES];

const char *log_text(const struct machine *machine)
{
	return log_lines[machine - machines];
}

void machine_init(struct machine *machine, struct ouro_redis_options options,
		  struct ouro_hub_options hub_options)
{
	struct ouro_redis_driver driver = { watch, ring_redis, find, machine };
	size_t index = (size_t)(machine - machines);

	*machine = (struct machine){ .watched = { { .fd = -1 }, { .fd = -1 } } };
	logs[index] = (struct ouro_log){ .write = take_line, .arg = log_lines[index] };
	if (!options.unix_path)
		options.port = server.port;
	options.log = &logs[index];
	options.backoff_ms_min = 10;
	options.backoff_ms_max = 50;
	cr_assert_eq(ouro_redis_create(&machine->redis, &options, &driver), 0);
	hub_options.backend = ouro_redis_backend(machine->redis);
	cr_assert_eq(ouro_hub_create(&machine->hub, &hub_options), 0);
	cr_assert_eq(ouro_hub_loop_create(machine->hub, ring, machine, &machine->loop), 0);
	ouro_redis_start(machine->redis, machine->hub, now_ms());
}

void machine_fini(struct machine *machine)
{
	if (!machine->redis)
		return;
	ouro_redis_stop(machine->redis);
	for (size_t i = 0; i < OURO_REDIS_CONNECTIONS; i++)
		cr_assert_eq(machine->watched[i].fd, -1);
	cr_assert_eq(ouro_redis_due(machine->redis), UINT64_MAX);
	cr_assert_eq(ouro_hub_publish(machine->hub, OURO_STR("room"),
				      &(struct ouro_hub_content){ .data = OURO_STR("x") }),
		     0);
	ouro_hub_loop_close(machine->loop);
	ouro_hub_loop_destroy(machine->loop);
	ouro_hub_destroy(machine->hub);
	ouro_redis_destroy(machine->redis);
}

void init(struct ouro_redis_options options, struct ouro_hub_options hub_options)
{
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	if (server.pid == 0) {
		redis_server_init(&server);
		redis_server_start(&server);
	}
	for (size_t i = 0; i < MACHINES; i++)
		machine_init(&machines[i], options, hub_options);
}

void init_default(void)
{
	init((struct ouro_redis_options){ 0 }, (struct ouro_hub_options){ 0 });
}

void fini(void)
{
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	for (size_t i = 0; i < MACHINES; i++)
		machine_fini(&machines[i]);
	if (server.port)
		redis_server_fini(&server);
}

void run_machine(struct machine *machine)
{
	for (unsigned i = 0; i < OURO_REDIS_CONNECTIONS; i++) {
		short found = machine->watched[i].revents;

		machine->watched[i].revents = 0;
		if (found)
			ouro_redis_ready(machine->redis, i, found & (POLLIN | POLLHUP | POLLERR),
					 found & (POLLOUT | POLLHUP | POLLERR), now_ms());
	}
	if (machine->is_redis_rung || ouro_redis_due(machine->redis) <= now_ms()) {
		machine->is_redis_rung = false;
		ouro_redis_run(machine->redis, now_ms());
	}
	if (machine->is_rung) {
		machine->is_rung = false;
		ouro_hub_loop_run(machine->loop);
	}
}

/* One turn of every machine, which sleeps 10 ms at most. */
void turn(void)
{
	struct pollfd all[MACHINES * OURO_REDIS_CONNECTIONS];
	bool is_busy = false;

	for (size_t i = 0; i < MACHINES; i++) {
		memcpy(all + i * OURO_REDIS_CONNECTIONS, machines[i].watched,
		       sizeof(machines[i].watched));
		is_busy |= machines[i].is_rung || machines[i].is_redis_rung;
	}
	poll(all, MACHINES * OURO_REDIS_CONNECTIONS, is_busy ? 0 : 10);
	for (size_t i = 0; i < MACHINES; i++) {
		for (size_t j = 0; j < OURO_REDIS_CONNECTIONS; j++)
			machines[i].watched[j].revents =
				all[i * OURO_REDIS_CONNECTIONS + j].revents;
		run_machine(&machines[i]);
	}
}

void turn_for(uint64_t ms)
{
	uint64_t end_ms = now_ms() + ms;

	while (now_ms() < end_ms)
		turn();
}

bool is_up(const struct machine *machine)
{
	return ouro_redis_get_stats(machine->redis).is_up;
}

bool are_up(void)
{
	return is_up(&machines[0]) && is_up(&machines[1]);
}

bool is_down(void)
{
	return !is_up(&machines[0]) && !is_up(&machines[1]);
}

bool is_sent(void)
{
	return ouro_redis_get_stats(machines[0].redis).outbox_count == 0 &&
	       ouro_redis_get_stats(machines[1].redis).outbox_count == 0;
}

int publish(size_t machine, const char *data)
{
	return ouro_hub_publish(machines[machine].hub, OURO_STR("room"),
				&(struct ouro_hub_content){ .data = ouro_str_c(data) });
}

void publish_numbers(size_t machine, int first, int last)
{
	char data[16];

	for (int i = first; i <= last; i++) {
		sprintf(data, "%d", i);
		cr_assert_geq(publish(machine, data), 0);
	}
}

void subscribe_after(size_t machine, struct rig_subscriber *subscriber, const char *after)
{
	struct ouro_subscription_options options = { .ops = &rig_subscriber_ops,
						     .after = ouro_str_c(after) };

	cr_assert_eq(ouro_hub_subscribe(machines[machine].loop, OURO_STR("room"), &subscriber->sub,
					&options),
		     0);
}

void forget(struct rig_subscriber *subscriber)
{
	subscriber->told_len = 0;
	subscriber->told[0] = '\0';
}

/* Subscribes, and sees that both processes are heard. */
void subscribe(size_t machine, struct rig_subscriber *subscriber)
{
	uint64_t end_ms = now_ms() + WAIT_MS_MAX;

	subscribe_after(machine, subscriber, NULL);
	for (size_t i = 0; i < MACHINES; i++) {
		char hello[16];

		sprintf(hello, "hello%zu", i);
		while (!strstr(subscriber->told, hello) && now_ms() < end_ms) {
			publish(i, hello);
			turn_for(5);
		}
	}
	EVENTUALLY(is_sent());
	turn_for(50);
	forget(subscriber);
}

void subscribe_both(void)
{
	subscribe(0, &ann);
	subscribe(1, &bob);
	forget(&ann);
}

const char *text_of(struct ouro_hub_id id)
{
	static char text[OURO_HUB_ID_TEXT_MAX + 1];

	text[ouro_hub_id_write(id, text)] = '\0';
	return text;
}

const char *numbers(int first, int last)
{
	static char text[RIG_TOLD_BYTES_MAX];
	char *at = text;

	for (int i = first; i <= last; i++)
		at += sprintf(at, "%d ", i);
	return text;
}

static bool have_told(const char *expected)
{
	return strcmp(ann.told, expected) == 0 && strcmp(bob.told, expected) == 0;
}

/* Waits for it, and sees that nothing comes behind it. */
void expect_both(const char *expected)
{
	EVENTUALLY(have_told(expected) || ann.told_len + bob.told_len > 2 * strlen(expected));
	turn_for(50);
	cr_assert_str_eq(ann.told, expected);
	cr_assert_str_eq(bob.told, expected);
}

void restart(void)
{
	redis_server_kill(&server);
	EVENTUALLY(is_down());
}
