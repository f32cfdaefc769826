#include "clibvirtshim.h"
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

static int64_t number(const virTypedParameter *parameter) {
   switch (parameter->type) {
   case VIR_TYPED_PARAM_INT: return parameter->value.i;
   case VIR_TYPED_PARAM_UINT: return parameter->value.ui;
   case VIR_TYPED_PARAM_LLONG: return parameter->value.l;
   case VIR_TYPED_PARAM_ULLONG: return (int64_t)parameter->value.ul;
   default: return -1;
   }
}

void clibvirt_read_sample(const void *of, clibvirt_sample_t *sample) {
   const virDomainStatsRecord *record = of;
   *sample = (clibvirt_sample_t){
      .state = -1, .reason = -1, .cpu_time = -1, .vcpus = -1, .balloon_current = -1, .rss = -1};
   virDomainGetUUID(record->dom, sample->uuid);
   for (int i = 0; i < record->nparams; i++) {
      const virTypedParameter *parameter = &record->params[i];
      const char *field = parameter->field;
      /* The first letter decides for most of the many parameters that nobody wants here. */
      switch (field[0]) {
      case 's':
         if (strcmp(field, "state.state") == 0) sample->state = (int)number(parameter);
         else if (strcmp(field, "state.reason") == 0) sample->reason = (int)number(parameter);
         break;
      case 'c':
         if (strcmp(field, "cpu.time") == 0) sample->cpu_time = number(parameter);
         break;
      case 'v':
         if (strcmp(field, "vcpu.current") == 0) sample->vcpus = number(parameter);
         break;
      case 'b':
         if (strcmp(field, "balloon.current") == 0) sample->balloon_current = number(parameter);
         else if (strcmp(field, "balloon.rss") == 0) sample->rss = number(parameter);
         break;
      default: break;
      }
   }
}

static void nothing(void *data, virErrorPtr error) {
   (void)data;
   (void)error;
}

void clibvirt_silence(void) {
   virSetErrorFunc(NULL, nothing);
}
