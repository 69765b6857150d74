/** Supervision: the parts of a supervisor for the handlers of trapped calls. */
import type { Native } from 'vnet/kit/linux'
import type { Conversations } from './conversations.ts'
import type { OtherProcesses } from './other-process.ts'
import type { Requester } from './program-socket.ts'
import type { NotificationListener } from './seccomp.ts'
import type { ReachableVnets } from './vnets.ts'

/** The parts that the handlers of trapped calls share. supervisor.ts makes them and closes them. */
export interface Supervision {
  readonly native: Native
  readonly listener: NotificationListener
  readonly processes: OtherProcesses
  readonly vnets: ReachableVnets
  readonly conversations: Conversations
  /**
   * Returns the user as which to send the requests of thread `pid`: undefined is the supervisor's
   * own user; null means that it may send none for that thread (program-socket.ts).
   */
  requesterOf(pid: number): Requester | undefined | null
  /** Called with an exception of a timer or an event, which is a defect. */
  onDefect(error: unknown): void
}
