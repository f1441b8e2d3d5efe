// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Proton
import ProtonBroker
import Testing

@testable import ProtonBrokerStore

/// The steps of a store's intake: what may be written when, and when the writing thread is woken.
struct IntakeTests {
    @Test func groupsWaitForTheStart() throws {
        let intake = Intake()
        #expect(intake.append(1) == Appended(number: 1, wakes: false))
        #expect(intake.next() == .nothing)
        try intake.start()
        #expect(intake.next() == .write(count: 1, upTo: 1))
        intake.written(1)
        #expect(intake.next() == .nothing)
    }

    @Test func theWriterIsWokenOnce() throws {
        let intake = try Intake().start()
        #expect(intake.next() == .nothing)
        #expect((1...3).map { intake.append($0).wakes } == [true, false, false])
        #expect(intake.next() == .write(count: 3, upTo: 3))
        // While it writes nobody wakes it.
        #expect(intake.append(4) == Appended(number: 4, wakes: false))
        intake.written(3)
        #expect(intake.next() == .write(count: 1, upTo: 4))
    }

    @Test func aGroupHasOneNumberAndOneBatch() throws {
        let intake = try Intake().start()
        #expect(intake.append(1, 2, 3).number == 1)
        #expect(intake.append(4).number == 2)
        #expect(intake.next() == .write(count: 4, upTo: 2))
    }

    @Test func groupsWithoutAnythingToWriteAreReported() throws {
        let intake = try Intake().start()
        #expect(intake.append() == Appended(number: 1, wakes: false))
        #expect(intake.next() == .write(count: 0, upTo: 1))
        intake.written(1)
        #expect(intake.append(1).number == 2)
        #expect(intake.remove(1).number == 3)
        #expect(intake.next() == .write(count: 0, upTo: 3))
    }

    @Test func onlyTheLastUpdateOfAMessageIsKept() throws {
        let intake = try Intake().start()
        for number in UInt64(1)...1_000 { #expect(intake.update(1).number == number) }
        #expect(intake.next() == .write(count: 1, upTo: 1_000))
        // What is being written is not changed any more.
        #expect(intake.update(1).number == 1_001)
        intake.written(1_000)
        #expect(intake.next() == .write(count: 1, upTo: 1_001))
    }

    @Test func aFailedBatchIsTakenAgainWithLaterGroups() throws {
        let intake = try Intake().start()
        _ = intake.append(1, 2)
        #expect(intake.next() == .write(count: 2, upTo: 1))
        _ = intake.append(3)
        intake.failed()
        #expect(intake.next() == .write(count: 3, upTo: 2))
        intake.failed()
        // It may be in the store, so it is removed there.
        _ = intake.remove(1)
        #expect(intake.next() == .write(count: 3, upTo: 3))
        intake.written(3)
        #expect(intake.next() == .nothing)
    }

    @Test(arguments: [true, false]) func closingTakesWhatIsThere(_ isStarted: Bool) throws {
        let intake = Intake()
        if isStarted { try intake.start() }
        _ = intake.append(1)
        intake.state.close()
        #expect(intake.append(2) == Appended(number: 2, wakes: false))
        #expect(intake.next() == .write(count: 1, upTo: 1))
        intake.written(1)
        #expect(intake.next() == .close)
        #expect(intake.state.ending == nil)
        intake.state.end(nil)
        #expect(intake.state.ending != nil)
        #expect(intake.next() == .nothing)
        #expect(throws: ProtonError.self) { try intake.start() }
    }
}

/// What comes of a group that is given.
private struct Appended: Equatable {
    let number: UInt64
    let wakes: Bool
}

/// What comes of asking for a step.
private enum Asked: Equatable {
    case write(count: Int, upTo: UInt64)
    case close
    case nothing
}

/// An intake as an object, since `#expect` changes no values.
private final class Intake {
    var state = StoreIntake()
    private var batch = StoreBatch()

    @discardableResult func start() throws -> Intake {
        try state.start { _ in }
        return self
    }

    private func append(_ group: [StoreChange]) -> Appended {
        let (number, wakes) = state.append(group)
        return Appended(number: number, wakes: wakes)
    }

    func append(_ places: UInt64...) -> Appended { append(places.map { .add(message($0)) }) }
    func update(_ place: UInt64) -> Appended { append([.update(queue: 1, place: place, details: [])]) }
    func remove(_ place: UInt64) -> Appended { append([.remove(queue: 1, place: place)]) }

    func next() -> Asked {
        switch state.next() {
        case .write(let batch, let number):
            self.batch = batch
            return .write(count: batch.count, upTo: number)
        case .close: return .close
        case nil: return .nothing
        }
    }

    func written(_ number: UInt64) { _ = state.noteWritten(upTo: number) }
    func failed() { state.noteFailure(batch) }
}

#endif
