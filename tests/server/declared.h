/* What keeps declared routes of a static library: something that refers to its object. */
#ifndef OURO_TESTS_SERVER_DECLARED_H
#define OURO_TESTS_SERVER_DECLARED_H

void declared_in_library_is_linked(void);

#endif
