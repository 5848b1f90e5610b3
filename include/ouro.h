/* ouro: an HTTP engine to embed. This header brings in the whole public interface. */
#ifndef OURO_H
#define OURO_H

#include "ouro/base.h"
#include "ouro/context.h"
#include "ouro/cookie.h"
#include "ouro/data.h"
#include "ouro/field.h"
#include "ouro/files.h"
#include "ouro/log.h"
#include "ouro/multipart.h"
#include "ouro/rooms.h"
#include "ouro/routes.h"
#include "ouro/send.h"
#include "ouro/server.h"
#include "ouro/sse.h"
#include "ouro/wait.h"
#include "ouro/ws.h"

#endif
