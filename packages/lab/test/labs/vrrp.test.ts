/** Two routers with keepalived share an address (VRRP, RFC 5798); the master's cable is cut. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { LabRequests } from '../support/lab-requests.ts'

const directory = freshDirectory()
const ADDRESS = '198.18.9.9'
const ADVERT_S = 1
const PRIORITIES = { one: 200, two: 100 }
/** Seconds without an advertisement after which `two` is the master (RFC 5798 sec. 6.1). */
const MASTER_DOWN_S = 3 * ADVERT_S + (256 - PRIORITIES.two) / 256
/** Seconds that a busy machine takes for the cut, a ping and the responses. */
const SLACK_S = 2

/** Returns the path of a lab file with hosts that run keepalived. */
function labFile(): string {
  const run = Object.entries(PRIORITIES).map(([name, priority]) => {
    const path = (suffix: string) => join(directory, `${name}.${suffix}`)
    writeFileSync(
      path('conf'),
      `vrrp_instance shared {
         state BACKUP
         interface lan
         virtual_router_id 9
         priority ${priority}
         advert_int ${ADVERT_S}
         virtual_ipaddress { ${ADDRESS}/24 }
       }`,
    )
    const files = `-f ${path('conf')} -p ${path('pid')} -r ${path('vrrp.pid')}`
    const ready = name === 'one' ? 'Entering MASTER STATE' : 'Entering BACKUP STATE'
    return `  ${name}: { command: exec keepalived -nlDP ${files}, ready: ${ready} }`
  })
  const file = join(directory, 'vrrp.yaml')
  const lan =
    'lans: { net: { ports: [one, two, client], network: 198.18.9.0/24, dhcp: false, ra: false } }'
  writeFileSync(file, `hosts: [one, two, client]\n${lan}\nrun:\n${run.join('\n')}\n`)
  return file
}

test('a cut cable of the master moves its address within the time of the protocol', {
  timeout: 120_000,
}, async () => {
  await using lab = new LabRequests(labFile())
  await lab.next()
  const has = async (host: string) => {
    const { stdout } = await lab.ask('exec', { host, command: ['ip', '-4', 'addr', 'show', 'lan'] })
    return stdout.includes(ADDRESS)
  }
  const answered = `until ping -qc1 -W0.1 ${ADDRESS}; do :; done`
  const asked = () =>
    lab.ask('exec', { host: 'client', command: `ip neigh flush dev lan; ${answered}` })
  await asked()
  expect([await has('one'), await has('two')]).toEqual([true, false])

  const began = performance.now()
  await lab.ask('cut', { link: 'net/one' })
  await asked()
  const seconds = (performance.now() - began) / 1000
  expect(await has('two')).toBe(true)
  expect(seconds).toBeGreaterThan(MASTER_DOWN_S - ADVERT_S - SLACK_S / 10)
  expect(seconds).toBeLessThan(MASTER_DOWN_S + SLACK_S)

  await lab.ask('plug', { link: 'net/one' })
  await expect.poll(async () => [await has('one'), await has('two')]).toEqual([true, false])
})
