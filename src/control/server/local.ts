/** LocalVnet: requests of vnet_nl in the program of the devices, without a socket. */

import { explain, VnetError } from '../../base/errno.ts'
import * as netlink from '../../netlink/index.ts'
import { type Command, NO_CLIENT, type Operation, type Write } from './operation.ts'
import type { Subject } from './subject.ts'
import { vnetFamily } from './vnet-family.ts'

/** A refusal is a VnetError with the text that a client would get. */
export class LocalVnet {
  readonly #operations: readonly Operation[]

  constructor(subject: Subject) {
    this.#operations = vnetFamily(subject).operations
  }

  /** Returns the reply; undefined if the request is acknowledged only. */
  one<F extends netlink.Fields, R extends netlink.Fields>(
    command: Command<F, R>,
    request: netlink.Encodable<F>,
  ): netlink.Decoded<R> | undefined {
    return this.#ask(command, request, ({ doit }, bytes) => {
      const write = doit?.(bytes, 0, bytes.length, NO_CLIENT)
      return write && decoded(command, write)
    })
  }

  dump<F extends netlink.Fields, R extends netlink.Fields>(
    command: Command<F, R>,
    request: netlink.Encodable<F>,
  ): netlink.Decoded<R>[] {
    return this.#ask(command, request, ({ dumpit }, bytes) =>
      Array.from(dumpit?.(bytes, 0, bytes.length, NO_CLIENT) ?? [], write =>
        decoded(command, write),
      ),
    )
  }

  #ask<F extends netlink.Fields, R extends netlink.Fields, T>(
    { cmd, request: policy }: Command<F, R>,
    request: netlink.Encodable<F>,
    run: (operation: Operation, bytes: Uint8Array) => T,
  ): T {
    const operation = this.#operations.find(each => each.cmd === cmd) as Operation
    try {
      return run(
        operation,
        written(builder => netlink.encodeAttributes(builder, policy, request)),
      )
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      throw new VnetError(error.errno, ['vnet_nl', ''], error.advice ?? explain(error))
    }
  }
}

function decoded<F extends netlink.Fields, R extends netlink.Fields>(
  { reply }: Command<F, R>,
  write: Write,
): netlink.Decoded<R> {
  return netlink.decodeAttributes(reply as NonNullable<typeof reply>, written(write))
}

/** Returns the attributes, which are views of their own memory. */
function written(write: Write): Uint8Array {
  const builder = new netlink.MessageBuilder()
  const start = builder.message(0, 0, 0).length
  write(builder)
  return builder.bytes.subarray(start)
}
