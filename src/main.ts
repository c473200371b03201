#!/usr/bin/env node
import { compileProgram, runProgram } from './process/compiled-program.ts';

runProgram(compileProgram());
