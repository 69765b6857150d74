import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { VnetError } from '#src/base/errno.ts'
import * as uapi from '#src/linux/uapi.ts'

/** Not in the headers under a name, but as a sizeof or an offsetof. */
const LENGTHS: Record<string, string> = {
  VIRTIO_NET_HDR_LEN: 'sizeof(struct virtio_net_hdr)',
  IFREQ_LEN: 'sizeof(struct ifreq)',
  SKB_LEN: 'offsetof(struct __sk_buff, len)',
  SKB_MARK: 'offsetof(struct __sk_buff, mark)',
  SKB_VLAN_PRESENT: 'offsetof(struct __sk_buff, vlan_present)',
  SKB_VLAN_TCI: 'offsetof(struct __sk_buff, vlan_tci)',
  SKB_VLAN_PROTO: 'offsetof(struct __sk_buff, vlan_proto)',
}
const HEADERS = [
  'linux/fcntl.h',
  'sched.h',
  'sys/socket.h',
  'sys/ioctl.h',
  'linux/if.h',
  'linux/if_tun.h',
]
HEADERS.push(
  'linux/virtio_net.h',
  'linux/sockios.h',
  'linux/capability.h',
  'linux/if_packet.h',
  'linux/if_ether.h',
)
HEADERS.push(
  'linux/rtnetlink.h',
  'linux/in6.h',
  'linux/filter.h',
  'linux/bpf.h',
  'linux/ethtool.h',
  'linux/seccomp.h',
)
HEADERS.push('linux/pidfd.h', 'linux/netlink.h', 'poll.h', 'stddef.h')

test("every constant equals the kernel headers' value", () => {
  const numbers = Object.entries(uapi).filter(([, value]) => typeof value === 'number')
  expect(numbers.length).toBeGreaterThan(50)
  const directory = mkdtempSync(join(tmpdir(), 'vnet-'))
  // Constants that this machine's headers lack are skipped by #ifdef.
  const lines = numbers.map(([name]) =>
    name in LENGTHS
      ? `printf("${name} %lu\\n", (unsigned long)${LENGTHS[name]});`
      : `\n#ifdef ${name}\nprintf("${name} %lu\\n", (unsigned long)(unsigned)(${name}));\n#endif\n`,
  )
  const includes = ['stdio.h', ...HEADERS].map(header => `#include <${header}>\n`).join('')
  const program = join(directory, 'numbers')
  try {
    writeFileSync(
      `${program}.c`,
      `#define _GNU_SOURCE\n${includes}int main(void) {${lines.join('')}}`,
    )
    execFileSync('cc', ['-o', program, `${program}.c`])
    const theirs = execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
    const ours = new Map(numbers.map(([name, value]) => [name, `${name} ${Number(value) >>> 0}`]))
    expect(theirs).toEqual(theirs.map(line => ours.get(line.split(' ')[0])))
    expect(theirs.length).toBeGreaterThan(50)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

describe('ifreq', () => {
  test('ifreq puts name and flags at the kernel’s offsets', () => {
    const request = uapi.ifreq('vnet0', uapi.IFF_TAP | uapi.IFF_NO_PI)
    expect(request.length).toBe(40)
    expect([...request.subarray(0, 20)]).toEqual([
      ...Buffer.from('vnet0'),
      ...new Array(11).fill(0),
      0x02,
      0x10,
      0,
      0,
    ])
    expect([uapi.ifreqName(request), uapi.ifreqFlags(request)]).toEqual(['vnet0', 0x1002])
  })

  test('ifreq accepts names of up to 15 bytes', () => {
    expect(uapi.ifreqName(uapi.ifreq('x'.repeat(15)))).toBe('x'.repeat(15))
    expect(() => uapi.ifreq('x'.repeat(16))).toThrow(VnetError)
    expect(() => uapi.ifreq('é'.repeat(8))).toThrow('at most 15 bytes')
  })

  test('ifreqName reads a name that fills its field without a NUL', () => {
    expect(uapi.ifreqName(new Uint8Array(40).fill(120))).toBe('x'.repeat(16))
  })
})

test('sockaddr_nl has family, port and groups in host order', () => {
  expect([...uapi.sockaddrNl(0x01020304, 5)]).toEqual([16, 0, 0, 0, 4, 3, 2, 1, 5, 0, 0, 0])
})

test('int32 is an int in host order', () => {
  expect([...uapi.int32(-2)]).toEqual([0xfe, 0xff, 0xff, 0xff])
})
