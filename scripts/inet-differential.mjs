/**
 * node scripts/inet-differential.mjs [--seed N] [--seeds N] [--packets N] [--exchanges N]
 * [--limit N] [PACKET...]: sends the same random packets, and random exchanges of TCP, to a host of
 * packages/inet in memory and to the kernel in a namespace. Prints each packet or exchange in which
 * they differ, as simple as it can be, with the seed.
 * Exits 1 after a difference that no row of packages/inet/docs/linux.md has. With PACKETs, such as
 * 'ip ttl 0 / icmp echo', sends only these and prints the replies. Needs root.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { readOptions, refuse, whole } from './options.mjs'
import { throughDoors } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')
const MAIN = join(root, 'packages/inet/test/differential/main.ts')
const PLACES = [
  [/^#src\/(.*)$/, 'src/$1'],
  [/^#support\/(.*)$/, 'test/support/$1'],
]

async function load(directory) {
  const resolveId = id => {
    const [pattern, place] = PLACES.find(([pattern]) => pattern.test(id)) ?? []
    return pattern && join(root, id.replace(pattern, place))
  }
  const bundle = await rolldown({
    input: MAIN,
    cwd: root,
    platform: 'node',
    plugins: [throughDoors(root), { name: 'places', resolveId }],
  })
  const file = join(directory, 'main.mjs')
  await bundle.write({ file, codeSplitting: false })
  await bundle.close()
  const addon = join(root, 'build/Release/vnet.node')
  if (existsSync(addon)) {
    process.env.VNET_ADDON ??= addon
  }
  return import(pathToFileURL(file))
}

const options = {
  seed: whole(1, 0, 1e9),
  seeds: whole(1, 1, 1e6),
  packets: whole(1000, 0, 1e9),
  exchanges: whole(0, 0, 1e9),
  limit: whole(20, 0, 1e6),
}
const { values, positionals } = readOptions(options, Number.POSITIVE_INFINITY)
const { seed, seeds, packets, exchanges, limit } = values
const directory = mkdtempSync(join(tmpdir(), 'vnet-differential-'))
try {
  const { runExchanges, runPackets, sendPackets, wrongPacket } = await load(directory)
  const wrong = positionals.map(wrongPacket).find(problem => problem !== undefined)
  if (wrong !== undefined) {
    rmSync(directory, { recursive: true })
    refuse(wrong)
  }
  if (positionals.length > 0) {
    sendPackets(positionals, text => console.log(text))
  }
  for (let each = seed; positionals.length === 0 && each < seed + seeds; each++) {
    const found = [
      runPackets(each, packets, limit, text => console.log(text)),
      await runExchanges(each, exchanges, limit, text => console.log(text)),
    ]
    console.log(
      `seed ${each}: ${packets} packets, ${found[0]} differ; ${exchanges} exchanges, ${found[1]} differ`,
    )
    if (found.some(count => count > 0)) {
      process.exitCode = 1
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
