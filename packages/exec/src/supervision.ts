/** What the handlers of trapped calls work with. */
import type { Native } from 'vnet/internal/linux/index'
import type { Conversations } from './conversations.ts'
import type { OtherProcesses } from './other-process.ts'
import type { Requester } from './program-socket.ts'
import type { NotificationListener } from './seccomp.ts'
import type { ReachableVnets } from './vnets.ts'

/** The parts that the handlers of trapped calls share (supervisor.ts). */
export interface Supervision {
  readonly native: Native
  readonly listener: NotificationListener
  readonly processes: OtherProcesses
  readonly vnets: ReachableVnets
  readonly conversations: Conversations
  /** The user for a thread's requests: undefined is the supervisor's own, null permits none. */
  requesterOf(pid: number): Requester | undefined | null
  /** Called with an exception of a timer or an event, which is a defect. */
  onDefect(error: unknown): void
}
