// libsrt, as Debian's libsrt-openssl-dev brings it.
#include <srt/srt.h>
#include <srt/access_control.h>
