// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQPTool

struct LatencyHistogramTests {
    @Test func percentilesAreThoseOfTheSortedTimesWithinAPercent() throws {
        var generator = SystemRandomNumberGenerator()
        for magnitude in [200, 5_000, 3_000_000, 40_000_000_000] as [UInt64] {
            var histogram = LatencyHistogram()
            let times = (0..<5_000).map { _ in UInt64.random(in: 0...magnitude, using: &generator) }.sorted()
            for time in times.shuffled() { histogram.record(time) }
            for part in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
                let expected = times[max(0, Int((Double(times.count) * part).rounded(.up)) - 1)]
                let found = try #require(histogram.percentile(part))
                #expect(found >= expected && Double(found) <= Double(expected) * 1.01 + 1, "\(part) of \(magnitude)")
            }
            #expect(histogram.maximum == times.last)
            #expect(histogram.count == 5_000)
        }
    }

    @Test func thereIsNoPercentileOfNothing() {
        #expect(LatencyHistogram().percentile(0.5) == nil)
    }

    @Test(arguments: [0, 255, 256, 257, 1 << 40, UInt64.max] as [UInt64])
    func aSingleTimeIsEveryPercentile(_ time: UInt64) {
        var histogram = LatencyHistogram()
        histogram.record(time)
        #expect(histogram.percentile(0.01) == time)
        #expect(histogram.percentile(1) == time)
    }
}
