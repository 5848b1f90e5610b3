/* Options in which zero stands for the default. */
#ifndef OURO_HUB_DEFAULTS_H
#define OURO_HUB_DEFAULTS_H

/* Gives @option, a number or a pointer, the value @value where it has none. */
#define OURO_DEFAULT(option, value)                                                                \
	do {                                                                                       \
		if ((option) == 0)                                                                 \
			(option) = (value);                                                        \
	} while (0)

#endif
