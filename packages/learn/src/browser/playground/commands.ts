/** The changes that the page makes: commands of the control plane, such as `vnet wire`. */
import type { CommandResult, PageCommand } from '@vnet/web/internal/feed-types'
import { explain, UsageError, VnetError } from 'vnet/internal/base/index'
import { wireChange } from 'vnet/internal/control/client/wire-request'
import { commands } from 'vnet/internal/control/protocol/family'
import type { LocalVnet } from 'vnet/internal/control/server/local'
import { LinuxWireResources } from 'vnet/internal/wire/wire-resources.node'

/** Runs a command on a device. A failure, and a mistake of the user, are in the result. */
export function runCommand(vnet: LocalVnet, ifname: string, command: PageCommand): CommandResult {
  try {
    if (command.do === 'filter')
      return { ok: true, program: new LinuxWireResources().filter(command.text).program.instructions }
    run(vnet, ifname, command)
    return { ok: true }
  } catch (error) {
    if (error instanceof VnetError || error instanceof UsageError) return { ok: false, message: explain(error) }
    throw error
  }
}

function run(vnet: LocalVnet, ifname: string, command: Exclude<PageCommand, { do: 'filter' }>): void {
  switch (command.do) {
    case 'cut':
    case 'plug':
      vnet.one(commands[command.do], { ifname })
      return
    case 'reset':
      vnet.one(commands.resetStats, { ifname })
      return
    case 'carrier':
      vnet.one(commands.setCarrier, { ifname, carrier: command.on })
      return
    case 'param':
      vnet.one(commands.setParam, { ifname, name: command.name, value: command.value })
      return
    case 'trigger':
      vnet.one(commands.trigger, { ifname, fault: command.fault, queue: command.queue })
      return
    case 'wire':
      vnet.one(commands.setWire, { ifname, ...wireChange(command.text, { direction: command.direction }) })
      return
    case 'check-wire':
      wireChange(command.text)
      return
    case 'step':
      vnet.one(commands.step, { ifname, mode: command.mode, every: command.every, count: command.count })
      return
    default:
      throw new UsageError(`there is no command ${(command as PageCommand).do}`)
  }
}
