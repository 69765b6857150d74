/** The containers and pods that attachments are for, as people name them. */

import type { DeviceOwner } from '../control/operations/subject.ts'

/** The digits of an id that `docker ps` shows. */
const SHORT = 12

/** Returns `container web (0123456789ab)`, or `pod shop/web-7f (0123456789ab)`. */
export function ownerText({ container, pod, namespace, id = '' }: DeviceOwner): string {
  const short = id.slice(0, SHORT)
  const name = pod === undefined ? container : `${namespace}/${pod}`
  const what = pod === undefined ? 'container' : 'pod'
  return name === undefined || name === short
    ? `${what} ${short}`
    : `${what} ${name}${short && ` (${short})`}`
}
