/* Request ids: see proto/request_id.h. */
#include "proto/request_id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void ouro_request_ids_init(struct ouro_request_ids *ids, const uint64_t seed[4])
{
	memcpy(ids->count, seed, sizeof(ids->count));
	memcpy(ids->key, seed + 2, sizeof(ids->key));
}

int ouro_request_ids_init_random(struct ouro_request_ids *ids)
{
	uint64_t seed[4];
	ssize_t got;

	/* So few bytes come at once or not at all; before the system has gathered entropy, a signal
	 * can interrupt the wait for it. */
	do
		got = getrandom(seed, sizeof(seed), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if ((size_t)got < sizeof(seed))
		return -EIO;
	ouro_request_ids_init(ids, seed);
	return 0;
}

/* Spreads each bit of @half over all. */
static uint64_t mix(uint64_t half, uint64_t key)
{
	half = (half ^ key) * UINT64_C(0xd1342543de82ef95);
	half ^= half >> 32;
	half *= UINT64_C(0xaf251af3b0f025b5);
	return half ^ half >> 29;
}

static void write_hex(uint64_t half, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 15; i >= 0; i--, half >>= 4)
		out[i] = digits[half & 15];
}

/* A Feistel network turns the count into what looks like chance. It can be undone whatever mix()
 * is, so that different counts give different ids. */
void ouro_request_ids_next(struct ouro_request_ids *ids, char *out)
{
	uint64_t low = ids->count[0], high = ids->count[1];

	if (++ids->count[0] == 0)
		ids->count[1]++;
	for (unsigned round = 0; round < 2; round++) {
		high ^= mix(low, ids->key[0] + round);
		low ^= mix(high, ids->key[1] + round);
	}
	write_hex(high, out);
	write_hex(low, out + 16);
}

static bool is_id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("._-+/=:", c));
}

bool ouro_request_id_is_valid(struct ouro_str id)
{
	if (id.len == 0 || id.len > OURO_REQUEST_ID_BYTES_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!is_id_char(id.ptr[i]))
			return false;
	return true;
}
