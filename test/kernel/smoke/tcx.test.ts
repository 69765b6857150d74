/** The programs of an attachment are attached and detached while the event loop continues. */
import { readlinkSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { TcxRedirect } from '#src/attach/tcx.ts'
import { loadNative } from '#src/linux/native.ts'
import { BPF_LINK_CREATE } from '#src/linux/uapi.ts'
import { bpfDescriptors, endsOf, makeEnds, programsOf } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { pingWithoutLoss } from '#support/traffic.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

const native = loadNative()

beforeEach(() => makeEnds(near, far))

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
  await redirect.attach(endsOf(near), 1)
  expect(programsOf(near)).toEqual([1, 1])
  await redirect.close()
  expect([programsOf(near), bpfDescriptors()]).toEqual([[0, 0], 0])
  expect(commands).not.toContain(BPF_LINK_CREATE)
  expect(sent).toEqual([])
  expect(closed.filter(path => path.includes('bpf_link'))).toEqual([])
})

test('frames pass directly until start(), and count as late only after it', async () => {
  const redirect = new TcxRedirect(native)
  await redirect.attach(endsOf(near), 1)
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
  expect(redirect.passed().in).toBeGreaterThan(0)
  redirect.start(0)
  expect(redirect.passed()).toEqual({ in: 0, out: 0 })
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
  expect(redirect.passed().in).toBeGreaterThan(0)
  await redirect.close()
})
