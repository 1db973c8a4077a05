import { StoreTest } from "../../testkit/src/index.ts"
import * as MemoryStore from "../src/MemoryStore.ts"

StoreTest.suite("memory", MemoryStore.layer, { sequences: 20 })
