/** Starts the page when the module is loaded. */
import { allView, labsView } from './all.tsx'
import { controlsView } from './controls.tsx'
import { driverView } from './driver.tsx'
import { framesView } from './frames.tsx'
import { lanView } from './lan.tsx'
import { Page } from './page.tsx'
import { stepView } from './step.tsx'
import { trafficView } from './traffic.tsx'

new Page([driverView, trafficView, framesView, controlsView, lanView, stepView, labsView, allView])
