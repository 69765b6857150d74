/** The exercises, in their order. */
import type { Exercise } from '../exercise.ts'
import { exercise as drop } from './01-drop.ts'
import { exercise as mirror } from './02-mirror.ts'
import { exercise as ring } from './03-ring.ts'
import { exercise as interrupt } from './04-interrupt.ts'
import { exercise as napi } from './05-napi.ts'
import { exercise as timeout } from './06-timeout.ts'
import { exercise as ioctl } from './07-ioctl.ts'
import { exercise as multiqueue } from './08-multiqueue.ts'
import { exercise as offloads } from './09-offloads.ts'
import { exercise as networkSwitch } from './10-switch.ts'
import { exercise as statistics } from './11-statistics.ts'
import { exercise as board } from './12-board.ts'

export const exercises: readonly Exercise[] = [
  drop,
  mirror,
  ring,
  interrupt,
  napi,
  timeout,
  ioctl,
  multiqueue,
  offloads,
  networkSwitch,
  statistics,
  board,
]
