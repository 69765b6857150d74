/** Runs the live checks of an exercise alone, on other exercises' drivers. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { exerciseOf } from '#support/course.ts'
import type { Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'
import { runWorker } from '../../src/worker.ts'

const MIRROR = `
import { allocEtherdevMqs, defineDriver, ethernet, ethTypeTrans, IFF_NOARP, ipv4, netifRx } from 'vnet'
function ndoStartXmit(skb, dev) {
  ethTypeTrans(skb, dev)
  ipv4.swapAddresses(skb.bytes, skb.nh)
  ethernet.swapAddresses(skb.bytes, skb.data)
  netifRx(skb)
}
function setup(dev) {
  dev.netdevOps = { ndoStartXmit }
  dev.flags |= IFF_NOARP
}
const init = () => [{ dev: allocEtherdevMqs({ name: 'mirror%d', setup, priv: {} }), addresses: ['198.18.0.1/24'] }]
export const driver = defineDriver({ name: 'mirror', description: 'a mirror', params: {}, init })
`

/** The solution of an exercise, with the parameters that another one is started with. */
const WITH_PARAMS = `
import { driver as asked } from './asked.js'
import { driver as own } from './own.js'
export const driver = { ...own, params: { ...asked.params, ...own.params } }
`

/**
 * Expects that the live checks of the exercise `name` fail the solution of the exercise `other`, or
 * a mirror without a ring if that is 'mirror'. A check that only ran out of time shows nothing.
 */
export async function expectFailedLive(name: string, other: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-course-'))
  const write = (file: string, text: string) => writeFileSync(join(directory, file), text)
  try {
    copyFileSync(join(COURSE, name, 'solution.js'), join(directory, 'asked.js'))
    if (other === 'mirror') {
      write('own.js', MIRROR)
    } else {
      copyFileSync(join(COURSE, other, 'solution.js'), join(directory, 'own.js'))
    }
    write('driver.js', WITH_PARAMS)
    write('package.json', '{ "type": "module" }')
    const results: Result[] = []
    const add = (result: Result) => results.push(result)
    await runWorker(await exerciseOf(name), 'live', join(directory, 'driver.js'), add, () => {})
    const isLate = ({ seen = '' }: Result) => / s after the start$|has not returned for/.test(seen)
    expect(results.filter(each => each.result === 'failed' && !isLate(each))).not.toEqual([])
  } finally {
    rmSync(directory, { recursive: true })
  }
}
