// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Does something again and again, at equal distances in time.
final class Recurring: ProtonHandler {
    let period: Duration

    init(_ period: Duration) {
        self.period = period
    }

    func onReactorInit(_ event: ContainerEvent) {
        event.container.schedule(after: period, self)
    }

    func onTimerTask(_ event: TimerEvent) {
        print("Tick...")
        event.container.schedule(after: period, self)
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recurring_timer", abstract: "Print a line each second, until it is interrupted.")

    func run() throws {
        try Container(Recurring(.seconds(1))).run(stoppingOn: .interrupt)
        print()
    }
}
