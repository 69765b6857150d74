/** The end of an exercise's page: what to do once the checks in memory have passed. */
import type { Folder } from './driver-file.ts'
import { element } from './element.ts'

/** `seeItLive` is the address of the section about the driver on an interface. */
export function realInterface({ name, driver }: Folder, seeItLive: string | undefined): Node[] {
  const commands = `node dist/vnet.js check ${name}\nnode dist/vnet.js ./${name}/${driver}\n`
  const after = seeItLive === undefined ? [] : [' Then: ', element('a', { href: seeItLive }, 'See it live'), '.']
  return [
    element('h3', {}, 'Now on a real interface'),
    element(
      'p',
      {},
      'Every check in memory has passed. On Linux, in a clone of vnet after ',
      element('code', {}, 'npm run setup'),
      ', unpack the download. The first command also runs the live checks, the second one the driver.',
      ...after,
    ),
    element('pre', {}, element('code', {}, commands)),
  ]
}
