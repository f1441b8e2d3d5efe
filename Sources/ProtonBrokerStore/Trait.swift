// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !DurableBroker
    #error(
        """
        ProtonBrokerStore needs the package trait DurableBroker: leave `traits:` away where you depend on \
        swift-qpid-proton, or have it there.
        """)
#endif
