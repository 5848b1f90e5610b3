/* Paths and hosts between two inaccessible pages: who reads one byte too many is caught. */
#include "base/str.h"
#include "router/path.h"
#include "router/router.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

struct edges {
	char *map;
	size_t page;
};

static struct edges create_edges(void)
{
	struct edges edges = { .page = (size_t)sysconf(_SC_PAGESIZE) };

	edges.map = mmap(NULL, 3 * edges.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(edges.map != MAP_FAILED);
	cr_assert_eq(mprotect(edges.map + edges.page, edges.page, PROT_READ | PROT_WRITE), 0);
	return edges;
}

/* A copy of @text at the first or last bytes that can be read. */
static struct ouro_str put(const struct edges *edges, struct ouro_str text, bool at_end)
{
	char *to = edges->map + edges->page + (at_end ? edges->page - text.len : 0);

	if (text.len > 0)
		memmove(to, text.ptr, text.len);
	return ouro_str(to, text.len);
}

static struct ouro_router *create_router(void)
{
	static const char *const patterns[] = {
		"/",
		"/a",
		"/a/",
		"/{x}/b",
		"/a/{y}/c/{z}",
		"/{x:u64}",
		"/{x:[a-f]+}/b",
		"/t/{x...}",
		"/eight-by/te",
		"/more-than-sixteen-bytes",
	};
	struct ouro_router *router = ouro_router_create();

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct ouro_route_spec spec = { .pattern = ouro_str_c(patterns[i]) };

		cr_assert_eq(ouro_router_add(router, &spec, NULL, 0), 0);
		spec.host = OURO_STR("*.example.com");
		cr_assert_eq(ouro_router_add(router, &spec, NULL, 0), 0);
	}
	cr_assert_eq(ouro_router_compile(router, NULL, 0), 0);
	return router;
}

static const char *const paths[] = {
	"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
	"/more-than-sixteen-bytes/more-than-sixteen-bytes/more-than-sixteen-bytes/and-more",
	"/eight-by/te",
	"/0123456789",
	"/abcdef/b",
	"/t/a/b/c",
	"//////////////////////////////////////////////////////////////////////////////////////",
	"/%2e/%2E/%61/../../.",
};

Test(edge, matching_reads_the_path_only)
{
	struct edges edges = create_edges();
	struct ouro_router *router = create_router();
	struct ouro_match_query query = { .scratch = ouro_router_scratch_create(router) };
	struct ouro_match out;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (size_t len = 0; len <= strlen(paths[i]); len++) {
			for (int at_end = 0; at_end < 2; at_end++) {
				query.path = put(&edges, ouro_str(paths[i], len), at_end);
				ouro_router_match(router, &query, &out);
				ouro_path_is_canonical(query.path);
			}
		}
	}
	ouro_router_scratch_destroy(query.scratch);
	ouro_router_destroy(router);
	munmap(edges.map, 3 * edges.page);
}

Test(edge, matching_reads_the_host_only)
{
	static const char host[] = "[::1].a.b.Example.com.:8080";
	struct edges edges = create_edges();
	struct ouro_router *router = create_router();
	struct ouro_match_query query = { .scratch = ouro_router_scratch_create(router),
					  .path = OURO_STR("/none/of/these") };
	struct ouro_match out;

	for (size_t start = 0; start < sizeof(host); start++) {
		for (size_t end = start; end < sizeof(host); end++) {
			for (int at_end = 0; at_end < 2; at_end++) {
				query.host =
					put(&edges, ouro_str(host + start, end - start), at_end);
				ouro_router_match(router, &query, &out);
			}
		}
	}
	ouro_router_scratch_destroy(query.scratch);
	ouro_router_destroy(router);
	munmap(edges.map, 3 * edges.page);
}

Test(edge, what_is_canonical_is_written_where_it_has_room)
{
	struct edges edges = create_edges();

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (size_t len = 0; len <= strlen(paths[i]); len++) {
			struct ouro_str path = put(&edges, ouro_str(paths[i], len), true);

			ouro_path_canonical(path, edges.map + 2 * edges.page - len);
		}
	}
	munmap(edges.map, 3 * edges.page);
}
