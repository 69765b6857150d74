/** The programs of an attachment are attached and detached while the event loop continues. */
import { readlinkSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { TcxRedirect } from '#src/attach/tcx.ts'
import { ENOENT, VnetError } from '#src/base/errno.ts'
import { tcxPrograms } from '#src/linux/bpf.ts'
import { loadNative } from '#src/linux/native.ts'
import { addClsact, type RouteSocket } from '#src/linux/rtnetlink.ts'
import { BPF_LINK_CREATE, BPF_TCX_EGRESS, BPF_TCX_INGRESS } from '#src/linux/uapi.ts'
import { bpfDescriptors, makeVeth } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { shownLink } from '#support/shown-link.ts'
import { pingWithoutLoss } from '#support/traffic.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

beforeEach(() => {
  makeVeth(near, far)
  for (const tap of ['tapa', 'tapb']) {
    near.ip(`link add ${tap} type bridge`)
  }
})

const native = loadNative()
const at = (name: string) => shownLink(near, name).ifindex
const ends = () => ({ nsfd: near.fd, ifindex: at('inner'), a: at('tapa'), b: at('tapb') })
const programs = () => {
  const target = { nsfd: near.fd, ifindex: at('inner') }
  return [BPF_TCX_INGRESS, BPF_TCX_EGRESS].map(type => tcxPrograms(native, target, type).length)
}

test('the thread of the event loop makes and closes no link, qdisc or filter', async () => {
  const commands: number[] = []
  const closed: string[] = []
  const sent: number[] = []
  const redirect = new TcxRedirect({
    ...native,
    bpf(nsfd, command, attr, ...pointers) {
      commands.push(command)
      return native.bpf(nsfd, command, attr, ...pointers)
    },
    send(fd, data, flags) {
      sent.push(new DataView(data.buffer, data.byteOffset).getUint16(4, true))
      return native.send(fd, data, flags)
    },
    close(fd) {
      closed.push(readlinkSync(`/proc/self/fd/${fd}`))
      return native.close(fd)
    },
  })
  await redirect.attach(ends(), 1)
  expect(programs()).toEqual([1, 1])
  await redirect.close()
  expect([programs(), bpfDescriptors()]).toEqual([[0, 0], 0])
  expect(commands).not.toContain(BPF_LINK_CREATE)
  expect(sent).toEqual([])
  expect(closed.filter(path => path.includes('bpf_link'))).toEqual([])
})

test('frames pass directly until start(), and count as late only after it', async () => {
  const redirect = new TcxRedirect(native)
  await redirect.attach(ends(), 1)
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
  expect(redirect.passed().in).toBeGreaterThan(0)
  redirect.start(0)
  expect(redirect.passed()).toEqual({ in: 0, out: 0 })
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
  expect(redirect.passed().in).toBeGreaterThan(0)
  await redirect.close()
})

test('frames pass directly as soon as close() has been called', async () => {
  const redirect = new TcxRedirect(native)
  await redirect.attach(ends(), 1)
  redirect.aliveUntil(native.monotonic() + 3600e9)
  expect((await far.run('ping -q -c 1 -W 0.2 192.0.2.1')).status).not.toBe(0)
  const closing = redirect.close()
  near.exec('ping -q -c 1 192.0.2.2')
  await closing
})

test('a close while links are made leaves nothing attached', async () => {
  const redirect = new TcxRedirect(native)
  const attaching = redirect.attach(ends(), 1)
  await redirect.close()
  await attaching
  expect([programs(), bpfDescriptors()]).toEqual([[0, 0], 0])
})

test('attach rejects for a deleted interface, and close() leaves no descriptor', async () => {
  const redirect = new TcxRedirect(native)
  await expect(redirect.attach({ ...ends(), ifindex: 1 << 30 }, 1)).rejects.toThrow(
    'BPF_LINK_CREATE eBPF: ENODEV',
  )
  await redirect.close()
  expect(bpfDescriptors()).toBe(0)
})

test('a kernel without clsact is reported with the module to load', async () => {
  const requestAside = () => Promise.reject(new VnetError(ENOENT, 'clsact on tapa'))
  const added = addClsact({ requestAside } as unknown as RouteSocket, 1)
  await expect(added).rejects.toThrow(/^clsact on tapa: ENOENT.* modprobe sch_ingress/)
})
