/** Compares constants with the kernel's headers, by a C program. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as constants from '#src/netdev/if.ts'
import * as ethernet from '#src/packet/ethernet.ts'
import * as skb from '#src/skb/sk-buff.ts'
import { testDirectory } from '#support/fresh-directory.ts'

const HEADERS = ['linux/if.h', 'linux/if_arp.h', 'linux/if_ether.h', 'linux/if_packet.h']

/** A TAP's own limit. */
const OURS = ['ETH_MAX_MTU']

test('flags, types, lengths and EtherTypes equal the kernel headers’', () => {
  const wanted = /^(IFF|ETH|ARPHRD|IFNAMSIZ|PACKET)/
  const ours = Object.entries({ ...constants, ...ethernet, ...skb }).filter(
    ([name, value]) => wanted.test(name) && typeof value === 'number' && !OURS.includes(name),
  )
  const directory = testDirectory()
  const program = join(directory, 'constants')
  const lines = ours.map(
    ([name]) => `\n#ifdef ${name}\nprintf("${name} %u\\n", (unsigned)(${name}));\n#endif\n`,
  )
  const includes = ['stdio.h', ...HEADERS].map(header => `#include <${header}>\n`).join('')
  writeFileSync(`${program}.c`, `${includes}int main(void) {${lines.join('')}}`)
  execFileSync('cc', ['-o', program, `${program}.c`])
  const theirs = execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
  const missing = ours
    .filter(([name]) => !theirs.some(line => line.startsWith(`${name} `)))
    .map(([name]) => name)
  expect(missing).toEqual([])
  expect(theirs).toEqual(ours.map(([name, value]) => `${name} ${value}`))
  expect(theirs.length).toBeGreaterThan(30)
})
