import Glibc
import Proton
import ProtonBroker
import Testing

@testable import ProtonBrokerStore

/// What a store was given: what of it may be written, and who is woken.
struct IntakeTests {
    private let me = pthread_self()
    private var other: pthread_t { me &+ 1 }

    @Test func changesWaitForTheStart() throws {
        let intake = Intake()
        #expect(intake.append(1) == Appended(number: 1, wakes: false))
        #expect(intake.next() == .nothing)
        try intake.start()
        #expect(intake.next() == .write(count: 1, last: 1))
        #expect(intake.next() == .nothing)
    }

    @Test func theWriterIsWokenOnce() throws {
        let intake = try Intake().start()
        #expect(intake.next() == .nothing)
        #expect((1...3).map { intake.append($0).wakes } == [true, false, false])
        #expect(intake.next() == .write(count: 3, last: 3))
        // While it writes nobody wakes it.
        #expect(intake.append(4) == Appended(number: 4, wakes: false))
    }

    @Test func changesThatAreOneAreTakenTogether() throws {
        let intake = try Intake().start()
        _ = intake.append(1)
        #expect(intake.enter(me))
        _ = intake.append(2)
        // What came before may be written.
        #expect(intake.next() == .write(count: 1, last: 1))
        #expect(intake.enter(me))
        #expect(intake.append(3) == Appended(number: 3, wakes: false))
        #expect(!intake.leave())
        #expect(intake.next() == .nothing)
        #expect(intake.leave())
        #expect(intake.next() == .write(count: 2, last: 3))
    }

    @Test func aScopeIsOfOneThread() throws {
        let intake = try Intake().start()
        #expect(intake.enter(me))
        #expect(!intake.enter(other))
        #expect(intake.leave())
        #expect(intake.enter(other))
        // Nobody waits this time.
        #expect(!intake.leave())
    }

    @Test func onlyTheLastUpdateOfAMessageWaits() throws {
        let intake = try Intake().start()
        #expect(intake.append(1).number == 1)
        #expect(intake.update(1).number == 2)
        #expect(intake.update(2).number == 3)
        for _ in 0..<1_000 { #expect(intake.update(1) == Appended(number: 2, wakes: false)) }
        #expect(intake.append(2).number == 4)
        #expect(intake.next() == .write(count: 4, last: 4))
        // What is being written is not changed any more.
        #expect(intake.update(1).number == 5)
        #expect(intake.update(1).number == 5)
        // A message that goes, and another at its place.
        #expect(intake.remove(1).number == 6)
        #expect(intake.update(1).number == 7)
        #expect(intake.next() == .write(count: 3, last: 7))
        #expect(intake.next() == .nothing)
        #expect(intake.update(1) == Appended(number: 8, wakes: true))
    }

    @Test func updatesStayWithTheChangesThatTheyAreOneWith() throws {
        let intake = try Intake().start()
        #expect(intake.update(1).number == 1)
        #expect(intake.enter(me))
        #expect((1...3).map { _ in intake.update(1).number } == [2, 3, 4])
        #expect(intake.next() == .write(count: 1, last: 1))
        _ = intake.leave()
        #expect(intake.update(1).number == 5)
        #expect(intake.update(1).number == 5)
        #expect(intake.next() == .write(count: 4, last: 5))
        // One that came before is not the last one any more.
        #expect(intake.update(1).number == 6)
        #expect(intake.enter(me))
        #expect(intake.update(1).number == 7)
        _ = intake.leave()
        #expect(intake.update(1).number == 8)
    }

    @Test func closingTakesWhatIsThere() throws {
        let intake = try Intake().start()
        #expect(intake.enter(me))
        _ = intake.append(1)
        intake.state.close()
        #expect(intake.append(2) == Appended(number: 2, wakes: false))
        // The scope ends soon.
        #expect(intake.next() == .nothing)
        #expect(intake.leave())
        #expect(intake.next() == .write(count: 1, last: 1))
        #expect(intake.next() == .close)
        #expect(intake.state.ending == nil)
        intake.state.end(nil)
        #expect(intake.state.ending != nil)
        #expect(throws: ProtonError.self) { try intake.start() }
    }
}

/// What comes of a change that is given.
private struct Appended: Equatable {
    let number: UInt64
    let wakes: Bool
}

/// What comes of asking for a step.
private enum Asked: Equatable {
    case write(count: Int, last: UInt64)
    case close
    case nothing
}

/// An intake as an object, since `#expect` changes no values.
private final class Intake {
    var state = StoreIntake()

    @discardableResult func start() throws -> Intake {
        try state.start { _ in }
        return self
    }

    func append(_ place: UInt64) -> Appended {
        let (number, wakes) = state.append(.add(message(place)))
        return Appended(number: number, wakes: wakes)
    }

    func update(_ place: UInt64) -> Appended {
        let (number, wakes) = state.append(.update(queue: 1, place: place, details: []))
        return Appended(number: number, wakes: wakes)
    }

    func remove(_ place: UInt64) -> Appended {
        let (number, wakes) = state.append(.remove(queue: 1, place: place))
        return Appended(number: number, wakes: wakes)
    }

    func enter(_ thread: pthread_t) -> Bool { state.enterScope(thread) != nil }

    func leave() -> Bool { state.leaveScope() }

    func next() -> Asked {
        switch state.next() {
        case .write(let changes, let last): .write(count: changes.count, last: last)
        case .close: .close
        case nil: .nothing
        }
    }
}

/// What of changes is written in one transaction.
struct GroupTests {
    @Test(
        arguments: [
            ([.add(message(1)), .add(message(2))], [], [.add(message(1)), .add(message(2))]),
            ([.add(message(1)), .remove(queue: 1, place: 1)], [], []),
            ([.remove(queue: 1, place: 1)], [1], []),
            // Removed from before, come again, and gone again.
            ([.remove(queue: 1, place: 1), .add(message(1)), .remove(queue: 1, place: 1)], [1], []),
            ([.add(message(1)), .remove(queue: 1, place: 1), .add(message(1))], [], [.add(message(1))]),
            // Another queue's.
            ([.add(message(1, in: 2)), .remove(queue: 1, place: 1)], [1], [.add(message(1, in: 2))]),
            (
                [.makeQueue(queue(1)), .add(message(1)), .removeQueue(id: 1), .makeQueue(queue(1)), .add(message(1))],
                [],
                [.makeQueue(queue(1)), .add(message(1)), .removeQueue(id: 1), .makeQueue(queue(1)), .add(message(1))]
            ),
        ] as [([StoreChange], [UInt64], [StoreChange])])
    func whatMeetsCancelsOut(_ changes: [StoreChange], _ removals: [UInt64], _ rest: [StoreChange]) {
        // At once, and bit by bit as where writing fails.
        for size in 1...changes.count {
            var group = StoreGroup()
            for start in stride(from: 0, to: changes.count, by: size) {
                group.append(Array(changes[start..<min(start + size, changes.count)]))
            }
            #expect(group.removals.map(\.place) == removals)
            #expect(group.changes.compactMap(\.self) == rest)
            #expect(group.isEmpty == (removals.isEmpty && rest.isEmpty))
        }
    }

    @Test func whatMayBeOnTheDiskIsRemovedThere() {
        var group = StoreGroup()
        group.append([.add(message(1)), .add(message(2))])
        group.noteFailure()
        group.append([.remove(queue: 1, place: 1), .add(message(3)), .remove(queue: 1, place: 3)])
        #expect(group.removals.map(\.place) == [1])
        #expect(group.changes.compactMap(\.self) == [.add(message(2))])
        group.append([.remove(queue: 1, place: 2)])
        #expect(!group.isEmpty && group.removals.map(\.place) == [1, 2])
        #expect(group.changes.allSatisfy { $0 == nil })
    }
}
